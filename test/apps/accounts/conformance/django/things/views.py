from rest_framework import filters, pagination, serializers, viewsets

from .models import Project


class ProjectSerializer(serializers.ModelSerializer):
    class Meta:
        model = Project
        fields = ["id", "name", "description", "created_at"]


class Pages(pagination.PageNumberPagination):
    page_size_query_param = "page_size"
    max_page_size = 100


class ThingViewSet(viewsets.ModelViewSet):
    queryset = Project.objects.all()
    serializer_class = ProjectSerializer
    pagination_class = Pages
    filter_backends = [filters.SearchFilter, filters.OrderingFilter]
    search_fields = ["name", "description"]
    ordering_fields = ["id", "name", "created_at"]

    def get_view_name(self):
        return "Project " + (self.suffix or "")
